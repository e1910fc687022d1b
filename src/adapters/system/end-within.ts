/**
 * Ends a process whose work has ended after `ms` milliseconds, with the exit code that it has by then. It
 * ends sooner where nothing keeps it: commands that change a disk may take that time, and the kernel may keep
 * them for ever where the disk does not answer.
 */
export function endWithin(ms: number): void {
  setTimeout(() => process.exit(), ms).unref();
}
