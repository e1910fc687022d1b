import { fileURLToPath } from "node:url";
import type { GoModule } from "../build/go-part.ts";
import { readModuleVersions } from "../build/module-versions.ts";

const FOLDER = fileURLToPath(new URL("../containerd", import.meta.url));
const MODULE = "github.com/containerd/containerd/v2";
/** The programs of containerd: the daemon, the shim that it starts for each pod, and its command line. */
export const CONTAINERD_PROGRAMS = ["containerd", "containerd-shim-runc-v2", "ctr"] as const;
/** Snapshotters that no node of the lab uses: they need more than a plain kernel. */
const TAGS = ["no_btrfs", "no_devmapper", "no_zfs"] as const;

/** The programs built from `testbed/containerd`. */
export async function containerdModule(): Promise<GoModule> {
  const versionOf = await readModuleVersions(FOLDER);
  const variables = { [`${MODULE}/version.Version`]: versionOf(MODULE) };
  return {
    name: "containerd",
    folder: FOLDER,
    programs: CONTAINERD_PROGRAMS.map((name) => ({
      name,
      package: `${MODULE}/cmd/${name}`,
      tags: TAGS,
      variables,
    })),
  };
}
