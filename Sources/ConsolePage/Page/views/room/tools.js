// What can be done with a picture beside looking at it.

import { say } from '../../words/language.js';

/** Offers a file to the browser's downloads. */
export function download(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  // Whatever a kiosk is called, it is one name in one folder.
  link.download = name.replace(/[^\p{L}\p{M}\p{N}._ -]+/gu, '_');
  link.click();
  // The download has begun long before.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Puts a text into the clipboard; what to tell the operator. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return say('notices.copied');
  } catch {
    // Without TLS there is no clipboard.
    return text;
  }
}

/** Whether this browser has a window for a picture that stays above all others. */
export const hasPictureInPicture = () => document.pictureInPictureEnabled === true;

/** Enters or leaves. */
export function togglePictureInPicture(video) {
  if (document.pictureInPictureElement === video) void document.exitPictureInPicture();
  else video.requestPictureInPicture().catch((error) => console.warn(`picture in picture: ${error.message}`));
}

/** The whole screen for an element, or back. */
export function toggleFullScreen(element) {
  if (document.fullscreenElement) void document.exitFullscreen(); else element.requestFullscreen?.().catch(() => {});
}
