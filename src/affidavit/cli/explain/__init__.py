"""`affidavit explain`, from options to files."""
