import { createWaker, type Waker } from "./create-waker.ts";
import type { NativeSockets, SocketHandle } from "./native-sockets.ts";

/** What a socket is waited for. */
export interface Interest {
  readonly read: boolean;
  readonly write: boolean;
}

/** A socket that the poller knows. */
export interface Watch {
  /** Replaces what it is waited for; nothing at first. */
  readonly setInterest: (interest: Interest) => void;
  /** No call of `ready` follows. `ended` is called once no wait uses the socket, which can be closed then. */
  readonly end: (ended: () => void) => void;
}

/** Waits for all sockets of a process on one thread besides it. */
export interface Poller {
  /**
   * `ready`: what the socket is waited for may be tried, and may fail. Throws where the system has no more
   * sockets.
   */
  readonly watch: (socket: SocketHandle, ready: (interest: Interest) => void) => Watch;
}

interface Watched {
  readonly socket: SocketHandle;
  readonly ready: (interest: Interest) => void;
  interest: Interest;
}

/**
 * How long one wait lasts, in milliseconds. The end of the process waits for it: a thread that is in a
 * function of the system can't be ended.
 */
const WAIT_MS = 1_000;
/** The pause after a wait that failed, in milliseconds. */
const RETRY_MS = 100;
/** What is waited for, before what has happened. */
const EVENTS_BYTES = 2;
const NOTHING: Interest = { read: false, write: false };

/** A poller that waits while it has a socket. A process that has one stays alive. */
export function createPoller(native: NativeSockets): Poller {
  const { handleBytes, entryBytes, readable, writable } = native.pollEntry;
  const watched = new Set<Watched>();
  let waker: Waker | undefined;
  let isWaiting = false;
  let isWoken = false;
  let endings: (() => void)[] = [];

  const writeEntry = (entries: DataView, index: number, socket: SocketHandle, events: number): void => {
    const offset = index * entryBytes;
    if (handleBytes === 8) entries.setBigUint64(offset, BigInt(socket), true);
    else entries.setInt32(offset, socket, true);
    entries.setInt16(offset + handleBytes, events, true);
  };

  const turn = (by: Waker): void => {
    if (watched.size === 0) {
      by.close();
      waker = undefined;
      return;
    }
    // One that is waited for nothing is left out: the end of its peer would end each wait at once.
    const waiting = [...watched].filter(({ interest }) => interest.read || interest.write);
    const entries = new Uint8Array((waiting.length + 1) * entryBytes);
    const view = new DataView(entries.buffer);
    writeEntry(view, 0, by.handle, readable);
    for (const [index, { socket, interest }] of waiting.entries()) {
      const events = (interest.read ? readable : 0) | (interest.write ? writable : 0);
      writeEntry(view, index + 1, socket, events);
    }
    const eventsOf = (index: number): number =>
      view.getInt16((index + 1) * entryBytes + handleBytes + EVENTS_BYTES, true);
    isWaiting = true;
    isWoken = false;
    native.poll(entries, waiting.length + 1, WAIT_MS, (answered) => {
      isWaiting = false;
      by.clear();
      const ended = endings;
      endings = [];
      for (const each of ended) each();
      for (const [index, each] of waiting.entries())
        if (watched.has(each)) notify(each, answered === -1 ? 0 : eventsOf(index));
      if (answered === -1) setTimeout(() => turn(by), RETRY_MS);
      else turn(by);
    });
  };
  const notify = ({ ready, interest }: Watched, events: number): void => {
    if (events === 0) return;
    // An error and a hang-up have bits of their own; the next call on the socket shows which.
    const isBroken = (events & ~(readable | writable)) !== 0;
    ready({
      read: interest.read && (isBroken || (events & readable) !== 0),
      write: interest.write && (isBroken || (events & writable) !== 0),
    });
  };
  const changed = (): void => {
    if (!isWaiting || isWoken) return;
    isWoken = true;
    waker?.wake();
  };
  return {
    watch: (socket, ready) => {
      const each: Watched = { socket, ready, interest: NOTHING };
      if (waker === undefined) {
        const created = (waker = createWaker(native));
        queueMicrotask(() => turn(created));
      }
      watched.add(each);
      return {
        setInterest: (interest) => {
          if (each.interest.read === interest.read && each.interest.write === interest.write) return;
          each.interest = interest;
          changed();
        },
        end: (ended) => {
          watched.delete(each);
          if (isWaiting) endings.push(ended);
          else ended();
          changed();
        },
      };
    },
  };
}
