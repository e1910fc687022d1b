import type { JournalEntry } from "../../src/emulator/model/api/journal.ts";

/** The calls in Azure's journal, with some of their fields. */
export interface CallsJournal<Field extends keyof JournalEntry> {
  since(sequence: number): readonly Pick<JournalEntry, "sequence" | Field>[];
}

/** Judges the calls in Azure's journal. */
export interface JournalWatch {
  /**
   * Examines the calls since the last look. To be called at least every few virtual minutes, while Azure's
   * journal still has them.
   */
  look(): void;
}

/** Reads a journal: each time the calls that follow the last one read. */
export function readerOf<Field extends keyof JournalEntry>(
  journal: CallsJournal<Field>,
): () => Iterable<Pick<JournalEntry, "sequence" | Field>> {
  let seen = 0;
  return function* read() {
    for (let entries = journal.since(seen); entries.length > 0; entries = journal.since(seen)) {
      for (const entry of entries) {
        seen = entry.sequence;
        yield entry;
      }
    }
  };
}
