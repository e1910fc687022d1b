import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOnce } from "../build/build-once.ts";
import { goPart, type GoProgram } from "../build/go-part.ts";
import { readModuleVersions } from "../build/module-versions.ts";
import type { OnProgress } from "../build/part.ts";

const HELM = "helm.sh/helm/v4";
const TESTBED = fileURLToPath(new URL("..", import.meta.url));

/** By the folder below `testbed` whose go.mod and go.sum pin it. */
const programs = {
  /** Kubernetes' tests of CSI drivers (35 s cold). */
  "csi-sanity": { name: "csi-sanity", package: "github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity" },
  /** The client of the emulator with the Azure SDK for Go (60 s cold). */
  "go-sdk": { name: "go-sdk-client", package: "." },
  /** 2 minutes cold. */
  helm: { name: "helm", package: `${HELM}/cmd/helm` },
  /** Evaluates alerting rules with Prometheus' query engine (25 s cold). */
  promql: { name: "promql", package: "." },
} satisfies Record<string, GoProgram>;

/** The program's file, built unless it is in the cache. Throws if Go is missing or the build fails. */
export async function buildGoProgram(
  name: keyof typeof programs,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<string> {
  const folder = join(TESTBED, name);
  const program: GoProgram =
    name === "helm" ? { ...programs.helm, variables: await helmVersion(folder) } : programs[name];
  const part = await goPart({ name, folder, programs: [program] });
  return join(await buildOnce(part, onProgress, signal), program.name);
}

/** Helm knows its version only from its linker. */
async function helmVersion(folder: string): Promise<Readonly<Record<string, string>>> {
  return { [`${HELM}/internal/version.version`]: (await readModuleVersions(folder))(HELM) };
}
