from common.problems import Kind

CREDENTIALS_WRONG = Kind(
    401, "credentials_wrong", ru="Почта или пароль не подходят.", en="The e-mail address or the password is wrong."
)
REFRESH_MISSING = Kind(401, "refresh_missing", ru="Войдите в систему.", en="Please sign in.")
REFRESH_INVALID = Kind(401, "refresh_invalid", ru="Вход завершён, войдите снова.", en="Please sign in again.")
REFRESH_EXPIRED = Kind(401, "refresh_expired", ru="Вход устарел, войдите снова.", en="Your sign-in has expired.")
REFRESH_RACED = Kind(
    401,
    "refresh_raced",
    ru="Вход только что продлён в другой вкладке.",
    en="Another tab has just refreshed this sign-in.",
)
REFRESH_REUSED = Kind(
    401,
    "refresh_reused",
    ru="Этот вход использован повторно и закрыт ради безопасности. Войдите снова.",
    en="This sign-in was used twice and has been closed for your safety. Please sign in again.",
)
CSRF_HEADER_MISSING = Kind(
    403,
    "csrf_header_missing",
    ru="Запрос с cookie должен нести заголовок X-Requested-With: defect-control.",
    en="A request that relies on the cookie must carry X-Requested-With: defect-control.",
)
REGISTRATION_CLOSED = Kind(
    403,
    "registration_closed",
    ru="Учётные записи заводит администратор.",
    en="Accounts are made by the administrator.",
)
USER_DISABLED = Kind(
    403, "user_disabled", ru="Учётная запись отключена администратором.", en="The administrator disabled this account."
)
USER_NOT_FOUND = Kind(404, "user_not_found", ru="Такого пользователя нет.", en="There is no such user.")
EMAIL_TAKEN = Kind(
    409, "email_taken", ru="Пользователь с такой почтой уже есть.", en="A user with this e-mail address exists already."
)
LAST_ADMINISTRATOR = Kind(
    409,
    "last_administrator",
    ru="Это последний действующий администратор.",
    en="This is the last active administrator.",
)
PASSWORD_WRONG = Kind(422, "password_wrong", ru="Нынешний пароль не подходит.", en="The current password is wrong.")
