"""The strategy space of the interval formulations: classes, configurations, layouts, columns."""
