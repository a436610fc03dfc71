"""Owns CloudWatch on a laptop, as far as template.yaml and the runbooks use it: what a log line counts as, whether an
alarm would be on, what a filter or a query of Logs Insights finds.

Nothing here polls or stores: functions of lines and datapoints, with the time given. The operations and the tests may
import it.
"""
