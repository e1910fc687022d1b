import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOnce } from "../build/build-once.ts";
import { goPart } from "../build/go-part.ts";
import type { OnProgress } from "../build/part.ts";

const FOLDER = fileURLToPath(new URL("../go-sdk", import.meta.url));
const PROGRAM = { name: "go-sdk-client", package: "." };

/**
 * The client of the emulator with the Azure SDK for Go that `testbed/go-sdk` pins, built unless it is in the
 * cache (60 s cold). Throws if Go is missing or the build fails.
 */
export async function buildGoSdkClient(onProgress: OnProgress, signal: AbortSignal): Promise<string> {
  const part = await goPart({ name: "go-sdk", folder: FOLDER, programs: [PROGRAM] });
  return join(await buildOnce(part, onProgress, signal), PROGRAM.name);
}
