"""What the product is compared with: the same work as a person would script it, without the promises."""
