import { frames } from "./frames.js"
import { answering } from "./patience.js"
import { Timer } from "./timer.js"

/** @typedef {Record<string, number>} Answer
 *  @typedef {{ frame: Record<string, string[]>, resolve: (answer: Answer) => void }} Question */

/** Asks when users were last seen. Answers name no question, and leave out users
 *  never seen; so one question is asked at a time, and again after a reconnect. */
export class LastSeen {
  /** @type {Question[]} */
  #questions = []
  #send

  /** @param {(body: object) => boolean} send */
  constructor(send) {
    this.#send = send
  }

  /** @param {string[]} ids
   *  @returns {Promise<Answer>} */
  async ask(ids) {
    const answers = await Promise.all(frames("seen", ids).map((frame) => this.#put(frame)))
    return Object.fromEntries(answers.flatMap(Object.entries)) // a user may be called __proto__
  }

  /** @param {Answer} answer */
  answered(answer) {
    const [first] = this.#questions
    // What belongs to a question that was given up must not answer the next one.
    if (!first || !Object.keys(answer).every((id) => first.frame.seen.includes(id))) return
    first.resolve(answer)
    this.#done(first)
  }

  /** Asks the first question, for the first time or again after a hello. */
  askFirst() {
    if (this.#questions.length) this.#send(this.#questions[0].frame)
  }

  /** The questions were another user's: nobody answers them any more. */
  end() {
    this.#questions = []
  }

  /** @param {Question["frame"]} frame
   *  @returns {Promise<Answer>} */
  #put(frame) {
    return new Promise((resolve, reject) => {
      const question = { frame, resolve }
      new Timer().set(answering, () => {
        reject(new Error("pull: no answer"))
        this.#done(question)
      })
      if (this.#questions.push(question) === 1) this.askFirst()
    })
  }

  /** All have the same patience, so that a question given up is the first or gone.
   *  @param {Question} question */
  #done(question) {
    if (this.#questions[0] !== question) return
    this.#questions.shift()
    this.askFirst()
  }
}
