import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOnce } from "../build/build-once.ts";
import { goPart } from "../build/go-part.ts";
import { readModuleVersions } from "../build/module-versions.ts";
import type { OnProgress } from "../build/part.ts";

const FOLDER = fileURLToPath(new URL("../helm", import.meta.url));
const MODULE = "helm.sh/helm/v4";

/** The helm program that `testbed/helm` pins, built unless it is in the cache (2 minutes cold). */
export async function buildHelm(onProgress: OnProgress, signal: AbortSignal): Promise<string> {
  const versionOf = await readModuleVersions(FOLDER);
  const variables = { [`${MODULE}/internal/version.version`]: versionOf(MODULE) };
  const part = await goPart({
    name: "helm",
    folder: FOLDER,
    programs: [{ name: "helm", package: `${MODULE}/cmd/helm`, variables }],
  });
  return join(await buildOnce(part, onProgress, signal), "helm");
}
