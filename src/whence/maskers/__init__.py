"""What "absent" means, for tables, images, texts and series."""
