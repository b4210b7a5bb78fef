from common.problems import Kind

PROJECT_NOT_FOUND = Kind(404, "project_not_found", ru="Такого объекта нет.", en="There is no such project.")
DEFECT_NOT_FOUND = Kind(404, "defect_not_found", ru="Такого дефекта нет.", en="There is no such defect.")
ATTACHMENT_NOT_FOUND = Kind(404, "attachment_not_found", ru="Такого файла нет.", en="There is no such file.")
FILTER_NOT_FOUND = Kind(404, "filter_not_found", ru="Такого фильтра нет.", en="There is no such filter.")
ASSIGN_FORBIDDEN = Kind(
    403,
    "assign_forbidden",
    ru="Исполнителя и срок назначает руководитель; взять на себя можно только свободный дефект.",
    en="A manager assigns and sets due dates; you can take only a defect that nobody has.",
)
EDIT_FORBIDDEN = Kind(
    403,
    "edit_forbidden",
    ru="Править может автор, исполнитель или руководитель.",
    en="Its author, its assignee or a manager may edit it.",
)
TRANSITION_FORBIDDEN = Kind(
    403,
    "transition_forbidden",
    ru="Этот шаг делает исполнитель или руководитель.",
    en="This step is for the assignee or a manager.",
)
PROJECT_ARCHIVED = Kind(
    409, "project_archived", ru="Объект в архиве, он только для чтения.", en="The project is archived: read-only."
)
DEFECT_FINISHED = Kind(
    409, "defect_finished", ru="Дефект закрыт или отменён, править его нельзя.", en="The defect is closed or cancelled."
)
TRANSITION_IMPOSSIBLE = Kind(
    409,
    "transition_impossible",
    ru="Из нынешнего состояния такого шага нет.",
    en="There is no such step from its present status.",
)
ID_TAKEN = Kind(409, "id_taken", ru="Такой идентификатор уже занят.", en="This id is taken already.")
FILTER_NAME_TAKEN = Kind(
    409, "filter_name_taken", ru="Фильтр с таким названием уже есть.", en="There is a filter of this name already."
)
ATTACHMENTS_TOO_MANY = Kind(
    409,
    "attachments_too_many",
    ru="У дефекта может быть не больше {limit} файлов.",
    en="A defect may have at most {limit} files.",
)
FILE_TOO_LARGE = Kind(
    413,
    "file_too_large",
    ru="Файл слишком велик: не больше {megabytes} МБ и {megapixels} мегапикселей.",
    en="The file is too large: at most {megabytes} MB and {megapixels} megapixels.",
)
FILE_TYPE_REFUSED = Kind(
    415,
    "file_type_refused",
    ru="Принимаются фотографии JPEG, PNG, WebP и документы PDF.",
    en="Photos (JPEG, PNG, WebP) and PDF documents are accepted.",
)
IMAGE_BROKEN = Kind(422, "image_broken", ru="Изображение повреждено.", en="The image is damaged.")
ASSIGNEE_NOT_MEMBER = Kind(
    422,
    "assignee_not_member",
    ru="Исполнителем может быть инженер или руководитель из участников объекта.",
    en="The assignee has to be an engineer or a manager among the project's members.",
)
STAGE_NOT_OF_PROJECT = Kind(
    422, "stage_not_of_project", ru="У объекта нет такого этапа.", en="The project has no such stage."
)
REASON_REQUIRED = Kind(
    422, "reason_required", ru="Объясните решение в комментарии.", en="Please give the reason in a comment."
)
