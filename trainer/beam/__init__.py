"""Apache Beam: the one place that says on which runner, and with which options, a pipeline of Beam's runs."""
