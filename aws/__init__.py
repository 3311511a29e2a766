"""AWS as pure tables and functions: prices, instance types, alarms, target tracking, schedules. No I/O, no clock."""
