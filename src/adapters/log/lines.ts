const pageBytes = 65_536;
/** The most bytes that UTF-8 takes for one UTF-16 code unit. */
const bytesPerCharMax = 3;

/**
 * Lines that wait, as bytes. As strings, each would be a tree of its parts, and the garbage collector would copy
 * hundreds of these trees again and again until their batch is written.
 */
export class Lines {
  #page = Buffer.allocUnsafeSlow(pageBytes);
  #end = 0;
  #full: Buffer[] = [];
  #fullBytes = 0;

  get bytes(): number {
    return this.#fullBytes + this.#end;
  }

  add(line: string): void {
    if (line.length * bytesPerCharMax > pageBytes - this.#end) this.#turnPage();
    if (line.length * bytesPerCharMax > pageBytes) this.#keep(Buffer.from(line));
    else this.#end += this.#page.write(line, this.#end);
  }

  addWhole(lines: Buffer): void {
    this.#turnPage();
    this.#keep(lines);
  }

  /** Hands all of them over and is empty. */
  take(): Buffer {
    this.#turnPage();
    const [first = Buffer.alloc(0)] = this.#full;
    const all = this.#full.length > 1 ? Buffer.concat(this.#full, this.#fullBytes) : first;
    this.clear();
    return all;
  }

  clear(): void {
    this.#end = 0;
    this.#full = [];
    this.#fullBytes = 0;
  }

  #turnPage(): void {
    if (this.#end === 0) return;
    this.#keep(this.#page.subarray(0, this.#end));
    this.#page = Buffer.allocUnsafeSlow(pageBytes);
    this.#end = 0;
  }

  #keep(bytes: Buffer): void {
    this.#full.push(bytes);
    this.#fullBytes += bytes.length;
  }
}
