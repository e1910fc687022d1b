/** Updates of one VM that this process has sent, that Azure has taken up, and whose end it waits for. */
export class UpdatesUnderWay {
  #count = 0;

  /** Whether there is one: then what Azure works on may be ours. */
  get isAny(): boolean {
    return this.#count > 0;
  }

  /** Counts an update as under way for as long as its end is waited for. */
  async during<T>(wait: () => Promise<T>): Promise<T> {
    this.#count++;
    try {
      return await wait();
    } finally {
      this.#count--;
    }
  }
}
