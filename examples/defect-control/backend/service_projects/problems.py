from common.problems import Kind

PROJECT_NOT_FOUND = Kind(404, "project_not_found", ru="Такого объекта нет.", en="There is no such project.")
STAGE_NOT_FOUND = Kind(404, "stage_not_found", ru="Такого этапа нет.", en="There is no such stage.")
MEMBER_NOT_FOUND = Kind(404, "member_not_found", ru="Такого участника нет.", en="There is no such member.")
USER_NOT_FOUND = Kind(404, "user_not_found", ru="Такого пользователя нет.", en="There is no such user.")
PROJECT_ARCHIVED = Kind(
    409, "project_archived", ru="Объект в архиве, он только для чтения.", en="The project is archived: read-only."
)
STAGE_NAME_TAKEN = Kind(
    409, "stage_name_taken", ru="Этап с таким названием уже есть.", en="There is a stage of this name already."
)
DAYS_REVERSED = Kind(422, "days_reversed", ru="Окончание раньше начала.", en="It ends before it begins.")
