import { type SimThread, startSimThread } from "./start-sim-thread.ts";

const idle: SimThread[] = [];

/** An idle thread whose driver has all its rules, or a new one, which first loads hundreds of files. */
export function takeWarm(): SimThread {
  return idle.pop() ?? startSimThread({ mutation: undefined });
}

/** Keeps such a thread, which no task has failed on, for the next `takeWarm` of this process. */
export function keepWarm(thread: SimThread): void {
  idle.push(thread);
}
