"""Default configuration, shipped with the package so that an installed job finds it."""
