import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
/** Reads until the pipe closes, which the kernel does for a process that is killed, too. */
const WAIT_THEN = 'cat > /dev/null; exec "$@"';

/**
 * Has the lab that this process starts as `name` taken down once this process has ended, even by kill -9.
 * One that somebody else starts under that name is left alone.
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
