import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
/** Reads until the pipe closes; the kernel also closes it when the process is killed. */
const WAIT_THEN = 'cat > /dev/null; exec "$@"';

/**
 * Takes down the lab that this process starts as `name` once this process has ended, even by kill -9. A lab
 * of that name that another process starts is not touched.
 */
export function endWithProcess(name: string): void {
  const down = [process.execPath, MAIN, "down", `--name=${name}`, `--started-by=${process.pid}`];
  const watcher = spawn("/bin/sh", ["-c", WAIT_THEN, "sh", ...down], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.unref();
  // Neither the watcher nor our end of its pipe keeps this process alive.
  if ("unref" in watcher.stdin && typeof watcher.stdin.unref === "function") watcher.stdin.unref();
}
