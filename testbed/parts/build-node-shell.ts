import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOnce } from "../build/build-once.ts";
import { goPart } from "../build/go-part.ts";
import { readModuleVersions } from "../build/module-versions.ts";
import type { OnProgress } from "../build/part.ts";

/** What one needs to run commands on a node of the lab as if it were a machine of its own. */
export interface NodeShell {
  /** An SSH server. */
  readonly server: string;
  /** Programs that a machine has and a node of the lab lacks. */
  readonly programs: readonly string[];
}

const FOLDER = fileURLToPath(new URL("../node-shell", import.meta.url));
const CRI_TOOLS = "sigs.k8s.io/cri-tools";

/** Built unless it is in the cache: a minute cold. Throws if Go is missing or the build fails. */
export async function buildNodeShell(onProgress: OnProgress, signal: AbortSignal): Promise<NodeShell> {
  const version = (await readModuleVersions(FOLDER))(CRI_TOOLS);
  const part = await goPart({
    name: "node-shell",
    folder: FOLDER,
    programs: [
      { name: "node-sshd", package: "." },
      {
        name: "crictl",
        package: `${CRI_TOOLS}/cmd/crictl`,
        variables: { [`${CRI_TOOLS}/pkg/version.Version`]: version },
      },
    ],
  });
  const built = await buildOnce(part, onProgress, signal);
  return {
    server: join(built, "node-sshd"),
    programs: [join(built, "crictl"), join(FOLDER, "systemctl")],
  };
}
