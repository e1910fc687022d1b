import { fileURLToPath } from "node:url";
import type { GoModule } from "../build/go-part.ts";
import { readModuleVersions } from "../build/module-versions.ts";

const FOLDER = fileURLToPath(new URL("../helm", import.meta.url));
const MODULE = "helm.sh/helm/v4";

/** What is built from `testbed/helm`. */
export async function helmModule(): Promise<GoModule> {
  const versionOf = await readModuleVersions(FOLDER);
  return {
    name: "helm",
    folder: FOLDER,
    programs: [{ name: "helm", package: `${MODULE}/cmd/helm`, variables: { [`${MODULE}/internal/version.version`]: versionOf(MODULE) } }],
  };
}
