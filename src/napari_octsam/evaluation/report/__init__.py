"""Many judged masks as one report: tables, files, a page."""
