import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOnce } from "../build/build-once.ts";
import { goPart } from "../build/go-part.ts";
import type { OnProgress } from "../build/part.ts";

const MODULE_FOLDER = fileURLToPath(new URL(".", import.meta.url));
const PROGRAM = { name: "csi-sanity", package: "github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity" };

/**
 * The csi-sanity program of go.mod and go.sum, built once (35 s cold) and kept in the ignored cache. Throws
 * if Go is missing or the build fails.
 */
export async function buildCsiSanity(onProgress: OnProgress, signal: AbortSignal): Promise<string> {
  const part = await goPart({ name: "csi-sanity", folder: MODULE_FOLDER, programs: [PROGRAM] });
  return join(await buildOnce(part, onProgress, signal), PROGRAM.name);
}
