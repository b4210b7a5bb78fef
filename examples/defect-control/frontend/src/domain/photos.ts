/** Photos of a phone are far larger than a defect needs and a site's network bears. */

export const ACCEPTED = "image/jpeg,image/png,image/webp,application/pdf";
export const ACCEPTED_PHOTOS = "image/jpeg,image/png,image/webp";
export const MOST_BYTES = 10 * 1024 * 1024;
export const MOST_FILES = 30;

const LONGEST_SIDE = 2400;
const SMALL_ENOUGH = 1.5 * 1024 * 1024;

export type FileProblem = "type" | "size";

export function problemOf(file: File): FileProblem | null {
  if (!ACCEPTED.split(",").includes(file.type)) return "type";
  const shrinks = file.type !== "application/pdf";
  return !shrinks && file.size > MOST_BYTES ? "size" : null;
}

/** The photo as it should be sent: made smaller when large and the browser can, otherwise as it is. */
export async function prepared(file: File): Promise<File> {
  if (file.type === "application/pdf" || file.size <= SMALL_ENOUGH) return file;
  try {
    return await shrunk(file);
  } catch {
    // A browser without the codec or the memory: the server still says what it thinks of the original.
    return file;
  }
}

export function fitted(width: number, height: number, longest = LONGEST_SIDE): { width: number; height: number } {
  const scale = Math.min(1, longest / Math.max(width, height));
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

async function shrunk(file: File): Promise<File> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    const { width, height } = fitted(bitmap.width, bitmap.height);
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0, width, height);
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", 0.85));
    if (!blob || blob.size >= file.size) return file;
    return new File([blob], file.name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" });
  } finally {
    bitmap.close();
  }
}
