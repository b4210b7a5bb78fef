import { ActionIcon, Button, FileButton, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconCamera, IconPhotoPlus, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { ACCEPTED, ACCEPTED_PHOTOS, MOST_FILES, problemOf } from "../../domain/photos";
import { useObjectUrl } from "../../ui/useObjectUrl";
import classes from "./RecordPage.module.css";

interface PhotoPickerProps {
  photos: File[];
  onChange: (photos: File[]) => void;
}

/** On a phone the large button is the camera itself; pictures that exist already are chosen by the small one. */
export function PhotoPicker({ photos, onChange }: PhotoPickerProps) {
  const { t } = useTranslation();
  const [refused, setRefused] = useState<string | null>(null);

  const add = (files: File[]) => {
    const bad = files.find((file) => problemOf(file));
    const problem = bad && problemOf(bad);
    setRefused(problem ? `${bad.name}: ${t(`photo.${problem}`)}` : null);
    onChange([...photos, ...files.filter((file) => !problemOf(file))].slice(0, MOST_FILES));
  };

  return (
    <Stack gap="xs">
      {photos.length > 0 && (
        <ul className={classes.photos}>
        {photos.map((file, index) => (
          <PickedPhoto key={`${file.name}:${file.lastModified}:${index}`} file={file} onRemove={() => onChange(photos.filter((one) => one !== file))} />
        ))}
        <li>
          <CameraButton compact onPick={add} />
        </li>
        </ul>
      )}
      {photos.length === 0 && <CameraButton onPick={add} />}
      <FileButton onChange={add} accept={ACCEPTED} multiple inputProps={{ "aria-label": t("photo.choose") }}>
        {(props) => (
          <Button {...props} variant="subtle" size="sm" leftSection={<IconPhotoPlus size={18} aria-hidden />} style={{ alignSelf: "center" }}>
            {t("photo.choose")}
          </Button>
        )}
      </FileButton>
      {refused && (
        <Text c="red" size="sm" role="alert">
          {refused}
        </Text>
      )}
    </Stack>
  );
}

function CameraButton({ compact = false, onPick }: { compact?: boolean; onPick: (files: File[]) => void }) {
  const { t } = useTranslation();
  return (
    <FileButton onChange={(file) => file && onPick([file])} accept={ACCEPTED_PHOTOS} capture="environment">
      {(props) => (
        <UnstyledButton {...props} className={compact ? `${classes.camera} ${classes.addPhoto}` : classes.camera}>
          <IconCamera size={compact ? 28 : 40} stroke={1.6} aria-hidden />
          {t("photo.take")}
        </UnstyledButton>
      )}
    </FileButton>
  );
}

function PickedPhoto({ file, onRemove }: { file: File; onRemove: () => void }) {
  const { t } = useTranslation();
  const url = useObjectUrl(file.type === "application/pdf" ? null : file);
  return (
    <li className={classes.photo}>
      {url ? <img src={url} alt={t("photo.selected", { name: file.name })} /> : <Text size="sm">{file.name}</Text>}
      <ActionIcon variant="default" radius="xl" size="lg" className={classes.removePhoto} onClick={onRemove} aria-label={t("photo.remove", { name: file.name })}>
        <IconX size={18} aria-hidden />
      </ActionIcon>
    </li>
  );
}
