"""`affidavit attain`, from options to files."""
