"""What stands when something breaks below the product: a full disk, a database that goes away, a killed process."""
