import type { AzVolume } from "../api/az-volume.ts";
import { geometryOf, geometryProblem } from "./device/file-system-geometry.ts";
import { chooseFileSystem } from "./parameters/resolve-volume-spec.ts";

/**
 * Why the file system that the driver made on a volume can't grow with its disk to a size, as a sentence;
 * undefined: it can, or it is a copy, whose file system is its source's. `stated`: the attributes that name a
 * geometry.
 */
export function growthProblem(
  { disk, capabilities, fsType }: Pick<AzVolume["spec"], "disk" | "capabilities" | "fsType">,
  stated: readonly (Readonly<Record<string, string>> | undefined)[],
  sizeGiB: number,
): string | undefined {
  if (disk.sourceUri !== undefined) return undefined;
  for (const attributes of stated) {
    for (const capability of capabilities) {
      const chosen = chooseFileSystem({ fsType }, capability.fsType);
      const geometry = geometryOf(attributes ?? {});
      if (!chosen.ok || capability.accessType === "block") continue;
      // What has nothing to do with the size was refused before the file system was made.
      if (geometryProblem({ fsType: chosen.value, geometry }) !== undefined) continue;
      const problem = geometryProblem({ fsType: chosen.value, geometry, sizeGiB });
      if (problem !== undefined)
        return (
          `the volume's ${problem.name} is ${problem.value}, and ${problem.problem}; copy its files to a ` +
          `volume of a class with another ${problem.name}`
        );
    }
  }
  return undefined;
}
