import { Center, Skeleton, Text } from "@mantine/core";
import { useIntersection } from "@mantine/hooks";
import { IconPhotoOff } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useAttachmentFile } from "../api/queries";
import { useObjectUrl } from "./useObjectUrl";

interface AttachmentImageProps {
  id: string;
  alt: string;
  part?: "preview" | "content";
  fit?: "cover" | "contain";
  height: number | string;
}

/** A file of the gateway as a picture: asked for with the token when it comes into sight. */
export function AttachmentImage({ id, alt, part = "preview", fit = "cover", height }: AttachmentImageProps) {
  const { t } = useTranslation();
  const { ref, entry } = useIntersection({ rootMargin: "300px" });
  const inSight = part === "content" || (entry?.isIntersecting ?? false);
  const file = useAttachmentFile(id, part, inSight);
  const url = useObjectUrl(file.data);
  const [broken, setBroken] = useState(false);

  return (
    <div ref={ref} style={{ height, width: "100%" }}>
      {file.isError || broken ? (
        <Center h="100%" c="dimmed" style={{ flexDirection: "column", gap: 4 }}>
          <IconPhotoOff aria-hidden />
          <Text size="xs">{t("photo.unavailable")}</Text>
        </Center>
      ) : url ? (
        <img
          src={url}
          alt={alt}
          draggable={false}
          onError={() => setBroken(true)}
          style={{ width: "100%", height: "100%", objectFit: fit, display: "block" }}
        />
      ) : (
        <Skeleton h="100%" radius={0} />
      )}
    </div>
  );
}
