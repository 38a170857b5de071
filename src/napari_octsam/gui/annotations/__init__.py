"""Labels layers as annotations on disk: kept while they are edited, opened, recovered."""
