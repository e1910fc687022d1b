/**
 * The environment of a Node.js process whose wall clock is `behindMs` milliseconds behind: its time stamps
 * look that much older to every other process. Durations and timers do not change.
 */
export function environmentWithClockBehind(behindMs: number): NodeJS.ProcessEnv {
  const program = `const now=Date.now;Date.now=()=>now()-${behindMs}`;
  const nodeOptions = process.env["NODE_OPTIONS"];
  return {
    NODE_OPTIONS: `${nodeOptions === undefined ? "" : `${nodeOptions} `}--import=data:text/javascript,${encodeURIComponent(program)}`,
  };
}
