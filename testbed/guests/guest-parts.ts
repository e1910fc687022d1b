import { buildOnce } from "../build/build-once.ts";
import { debianPart } from "../build/debian-part.ts";
import type { OnProgress } from "../build/part.ts";
import { EMULATOR_PACKAGES, SYSTEM_PACKAGES } from "./guest-packages.ts";
import { guestSystemPart } from "./guest-system-part.ts";

/** What every guest starts from. */
export interface GuestParts {
  /** A folder of unpacked packages with QEMU. */
  readonly emulator: string;
  /** A folder with `vmlinuz`, `initrd` and `root.ext4`. */
  readonly system: string;
}

/**
 * Returns what guests start from, downloaded and built if the cache lacks it: half a minute, and 100 MB of
 * Debian's packages. Throws, naming the part, if a download or a build fails, and with `signal`'s reason if
 * it is aborted.
 */
export async function buildGuestParts(onProgress: OnProgress, signal: AbortSignal): Promise<GuestParts> {
  const emulator = await buildOnce(await debianPart(EMULATOR_PACKAGES), onProgress, signal);
  const packages = await buildOnce(await debianPart(SYSTEM_PACKAGES), onProgress, signal);
  const system = await buildOnce(await guestSystemPart({ emulator, packages }), onProgress, signal);
  return { emulator, system };
}
