"""`affidavit regions`, from options to files."""
