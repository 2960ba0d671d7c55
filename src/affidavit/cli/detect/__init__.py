"""`affidavit detect`, from options to files."""
