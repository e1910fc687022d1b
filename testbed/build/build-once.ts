import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { holdLock } from "../../scripts/child/hold-lock.ts";
import type { OnProgress, Part } from "./part.ts";

/** The folder of parts between runs; git ignores it. */
const CACHE_FOLDER = fileURLToPath(new URL("../../.cache/testbed", import.meta.url));
const TELL_EVERY_MS = 10_000;
const UNUSED_MAX_MS = 24 * 3_600_000;
const UNFINISHED = ".unfinished";
/** A compiler that has just been ended may still be writing. */
const REMOVAL = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 } as const;

/**
 * The folder of a part, built unless it is in the cache. Of several callers, in any process, one builds and
 * the others wait. The folder appears when it is complete: a build that fails or is interrupted leaves
 * nothing. Results of other keys are removed when they were not used for a day; until then a program may
 * still run from them.
 */
export async function buildOnce(
  part: Part,
  onProgress: OnProgress,
  signal: AbortSignal,
  cacheFolder = CACHE_FOLDER,
): Promise<string> {
  const shelf = join(cacheFolder, part.name);
  const folder = join(shelf, part.key);
  if (await markUsed(folder)) return folder;

  await mkdir(shelf, { recursive: true });
  const progress = startProgress(part.name, onProgress);
  try {
    await using _lock = await holdLock(join(cacheFolder, `${part.name}.lock`), signal);
    if (await markUsed(folder)) return folder;
    await clearAway(shelf);
    const unfinished = `${folder}.${process.pid}${UNFINISHED}`;
    await mkdir(unfinished);
    try {
      await part.build(unfinished, progress.tell, signal);
      await rename(unfinished, folder);
    } catch (error) {
      await rm(unfinished, REMOVAL);
      signal.throwIfAborted();
      throw new Error(
        `${part.name} can't be built: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
    progress.tell("done");
    return folder;
  } finally {
    progress.stop();
  }
}

/** Reports each step at once, and repeatedly while it lasts. */
function startProgress(
  name: string,
  onProgress: OnProgress,
): { readonly tell: (step: string) => void; readonly stop: () => void } {
  const startedMs = performance.now();
  let step = "waiting for another run that builds it";
  const show = (): void =>
    onProgress(`${name}: ${step}, ${Math.round((performance.now() - startedMs) / 1000)} s`);
  const ticking = setInterval(show, TELL_EVERY_MS);
  return {
    tell(next) {
      step = next;
      show();
    },
    stop: () => clearInterval(ticking),
  };
}

/** Returns whether the folder exists. */
async function markUsed(folder: string): Promise<boolean> {
  const now = new Date();
  return utimes(folder, now, now).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
}

/** Called with the lock held: the process that began an unfinished build is gone. */
async function clearAway(shelf: string): Promise<void> {
  for (const name of await readdir(shelf)) {
    const path = join(shelf, name);
    const unusedMs = Date.now() - (await stat(path)).mtimeMs;
    if (name.endsWith(UNFINISHED) || unusedMs > UNUSED_MAX_MS) await rm(path, REMOVAL);
  }
}
