from common.problems import Kind

DAYS_REVERSED = Kind(
    422, "days_reversed", ru="Окончание периода раньше начала.", en="The period ends before it begins."
)
PERIOD_TOO_LONG = Kind(
    422, "period_too_long", ru="Период не больше {days} дней.", en="A period may have at most {days} days."
)
