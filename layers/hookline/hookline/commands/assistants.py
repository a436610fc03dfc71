"""Machines that talk to the caller: AI assistants, gathering by AI, conversation relays."""

from __future__ import annotations  # 300 unions less to build at a cold start

from collections.abc import Mapping, Sequence

from hookline import command_schema as p
from hookline.commands.command import Command, make


def ai_assistant_start(
    *,
    assistant: Mapping[str, object] | None = None,
    greeting: str | None = None,
    interruption_settings: Mapping[str, bool] | None = None,
    message_history: Sequence[Mapping[str, object]] | None = None,
    participants: Sequence[Mapping[str, str]] | None = None,
    send_message_history_updates: bool | None = None,
    transcription: Mapping[str, str] | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Let an AI assistant talk on the call. Then call.conversation.created, at the end call.conversation.ended.

    assistant: its `id`, and what differs from its stored configuration. greeting: at most 3000 characters.
    """
    return make("ai_assistant_start", locals())


def ai_assistant_stop(*, client_state: object = None, on: str | None = None) -> Command:
    """Stop the AI assistant. Then call.conversation.ended."""
    return make("ai_assistant_stop", locals())


def ai_assistant_join(
    *,
    conversation_id: str,
    participant: Mapping[str, str],
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Bring the leg into a conversation that an AI assistant holds. participant: an `id`, and the `role` user."""
    return make("ai_assistant_join", locals())


def ai_assistant_add_messages(
    *,
    messages: Sequence[Mapping[str, object]] | None = None,
    trigger_response: bool | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Add messages to the assistant's conversation, each with a `role` and its `content`.

    trigger_response: the assistant answers at once, and may interrupt a caller who is speaking.
    """
    return make("ai_assistant_add_messages", locals())


def gather_using_ai(
    *,
    parameters: Mapping[str, object],
    assistant: Mapping[str, object] | None = None,
    gather_ended_speech: str | None = None,
    greeting: str | None = None,
    interruption_settings: Mapping[str, bool] | None = None,
    language: str | None = None,
    message_history: Sequence[Mapping[str, str]] | None = None,
    send_message_history_updates: bool | None = None,
    send_partial_results: bool | None = None,
    transcription: Mapping[str, str] | None = None,
    user_response_timeout_ms: int | None = None,
    voice: str | None = None,
    voice_settings: Mapping[str, object] | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Let a voice assistant ask for what is described by a JSON Schema. Then call.ai_gather.ended.

    parameters: the JSON Schema of an object. greeting, gather_ended_speech: at most 3000 characters.
    language: the caller's, a bare code as for the engine Google.
    """
    return make("gather_using_ai", locals())


def conversation_relay_start(
    *,
    assistant: Mapping[str, object] | None = None,
    conversation_relay_dtmf_detection: bool | None = None,
    conversation_relay_settings: Mapping[str, object] | None = None,
    conversation_relay_url: str | None = None,
    custom_parameters: Mapping[str, object] | None = None,
    dtmf_detection: bool | None = None,
    greeting: str | None = None,
    interruptible: p.Interruptible | None = None,
    interruptible_greeting: p.Interruptible | None = None,
    interruption_settings: Mapping[str, object] | None = None,
    language: str | None = None,
    languages: Sequence[Mapping[str, object]] | None = None,
    provider: str | None = None,
    structured_provider: Mapping[str, object] | None = None,
    transcription: Mapping[str, object] | None = None,
    transcription_engine: p.RelayEngine | None = None,
    transcription_engine_config: Mapping[str, object] | None = None,
    tts_provider: str | None = None,
    url: str | None = None,
    voice: str | None = None,
    voice_settings: Mapping[str, object] | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Hold the conversation as text over a WebSocket of yours. At its end call.conversation.ended.

    One of url, conversation_relay_url and conversation_relay_settings names the WebSocket. provider and
    structured_provider go together. transcription: in Telnyx's description, but not supported by it; use
    transcription_engine and transcription_engine_config.
    """
    return make("conversation_relay_start", locals())


def conversation_relay_stop(*, client_state: object = None, on: str | None = None) -> Command:
    """Stop the conversation relay. Then call.conversation.ended."""
    return make("conversation_relay_stop", locals())
