/**
 * The environment of a process whose wall clock is `behindMs` milliseconds behind, in Node.js: what it stamps
 * looks that much older to every other process. Durations and timers are as they are.
 */
export function environmentWithClockBehind(behindMs: number): NodeJS.ProcessEnv {
  const program = `const now=Date.now;Date.now=()=>now()-${behindMs}`;
  const nodeOptions = process.env["NODE_OPTIONS"];
  return {
    NODE_OPTIONS: `${nodeOptions === undefined ? "" : `${nodeOptions} `}--import=data:text/javascript,${encodeURIComponent(program)}`,
  };
}
