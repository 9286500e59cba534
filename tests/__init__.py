"""The tests mirror the source. A package, so that no other distribution's folder of this name can come before it."""
