"""Input and output, errors, signals, schemas: helpers without knowledge of skeletons."""
