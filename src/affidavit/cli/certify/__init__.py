"""`affidavit certify`, from options to files."""
