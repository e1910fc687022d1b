import { buildImage } from "../../../deploy/image/build-image.ts";
import type { BuiltImage } from "../../../deploy/image/build-image.ts";

let built: Promise<BuiltImage> | undefined;

/**
 * The driver's image as the first call of this process built it, or found it: bundling, and resolving
 * Debian's packages, take seconds of processor time for every call. After a failure the next call tries
 * again.
 */
export function driverImage(): Promise<BuiltImage> {
  built ??= buildImage().catch((error: unknown) => {
    built = undefined;
    throw error;
  });
  return built;
}
