import type { Architecture } from "../../deploy/image/binaries/architecture.ts";
import { imageLayers } from "../../deploy/image/build-image.ts";
import { buildOnce } from "../build/build-once.ts";
import { debianPart } from "../build/debian-part.ts";
import type { OnProgress } from "../build/part.ts";
import { GUEST_MACHINES } from "./guest-packages.ts";
import type { GuestMachine } from "./guest-packages.ts";
import { guestSystemPart } from "./guest-system-part.ts";

/** What every guest starts from. */
export interface GuestParts {
  readonly machine: GuestMachine;
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
export async function buildGuestParts(
  onProgress: OnProgress,
  signal: AbortSignal,
  architecture: Architecture = "x64",
): Promise<GuestParts> {
  const machine = GUEST_MACHINES[architecture];
  const emulator = await buildOnce(await debianPart(machine.emulator), onProgress, signal);
  const packages = await buildOnce(await debianPart(machine.system), onProgress, signal);
  const image = machine.root === "image" ? await imageLayers(architecture) : undefined;
  const system = await buildOnce(
    await guestSystemPart({ name: `guest-image-${architecture}`, emulator, packages, image }),
    onProgress,
    signal,
  );
  return { machine, emulator, system };
}
