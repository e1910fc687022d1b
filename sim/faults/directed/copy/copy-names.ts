import type { SimWorld } from "../../../world.ts";

/** The disks of the copies that faults make, as Azure's rules name them. */
export const COPIES = "*/disks/copy-of-*";

/** The name of a copy of a volume; a name is never used twice. */
export function copyNameOf(volumeName: string, atMs: number): string {
  return `copy-of-${volumeName}-${atMs}`;
}

/** Whether Azure has begun to make the disk of a volume. */
export function isBegun({ azure }: SimWorld, volumeName: string): boolean {
  return [...azure.model.world.disks.values()].some(({ name }) => name === volumeName);
}
