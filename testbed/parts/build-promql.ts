import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOnce } from "../build/build-once.ts";
import { goPart } from "../build/go-part.ts";
import type { OnProgress } from "../build/part.ts";

const FOLDER = fileURLToPath(new URL("../promql", import.meta.url));
const PROGRAM = { name: "promql", package: "." };

/**
 * The program of `testbed/promql`, which evaluates alerting rules with Prometheus' query engine, built unless
 * it is in the cache (25 s cold). Throws if Go is missing or the build fails.
 */
export async function buildPromql(onProgress: OnProgress, signal: AbortSignal): Promise<string> {
  const part = await goPart({ name: "promql", folder: FOLDER, programs: [PROGRAM] });
  return join(await buildOnce(part, onProgress, signal), PROGRAM.name);
}
