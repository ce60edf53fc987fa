"""What is done by hand on one engine: the alphabet of containers, images, builds, networks and volumes."""
