import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { buildImage } from "../../../deploy/image/build-image.ts";
import type { BuiltImage } from "../../../deploy/image/build-image.ts";
import { holdLock } from "../../build/hold-lock.ts";

/** git ignores it. */
const CACHE_FOLDER = fileURLToPath(new URL("../../../.cache", import.meta.url));

let built: Promise<BuiltImage> | undefined;

/**
 * The driver's image as the first call of this process built it, or found it: bundling, and resolving
 * Debian's packages, take seconds of processor time for every call. After a failure the next call tries
 * again.
 */
export function driverImage(): Promise<BuiltImage> {
  built ??= buildAlone().catch((error: unknown) => {
    built = undefined;
    throw error;
  });
  return built;
}

/** Two processes that start labs would download packages into one folder, which apt locks. */
async function buildAlone(): Promise<BuiltImage> {
  await mkdir(CACHE_FOLDER, { recursive: true });
  await using _lock = await holdLock(`${CACHE_FOLDER}/driver-image.lock`, new AbortController().signal);
  return await buildImage();
}
