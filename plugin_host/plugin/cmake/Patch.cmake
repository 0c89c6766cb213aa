# punchin_patch(FILE [FROM TO INSTEAD]...)
#
# Puts a copy of DPF's distrho/src/FILE into the build folder's `patched/`, in which INSTEAD stands in the place of all from
# FROM up to TO, which stays. Patched rather than written anew, since all else in it (parameters, state, window) is right
# and DPF's to maintain. Should DPF change what is looked for, this stops: look at what it does then.
function(punchin_patch FILE)
  set(source "${DPF_PATH}/distrho/src/${FILE}")
  set(patched "${CMAKE_CURRENT_BINARY_DIR}/patched/${FILE}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  file(READ "${source}" text)
  foreach(i RANGE 1 ${ARGC} 3)
    if(i EQUAL ARGC)
      break()
    endif()
    math(EXPR to_at "${i} + 1")
    math(EXPR instead_at "${i} + 2")
    punchin_replace(text "${ARGV${i}}" "${ARGV${to_at}}" "${ARGV${instead_at}}" "${source}")
  endforeach()
  set(old "")
  if(EXISTS "${patched}")
    file(READ "${patched}" old)
  endif()
  if(NOT old STREQUAL text)  # else everything would be compiled again
    file(WRITE "${patched}" "${text}")
  endif()
endfunction()

function(punchin_replace TEXT FROM TO INSTEAD SOURCE)
  set(text "${${TEXT}}")
  foreach(line "${FROM}" "${TO}")
    string(FIND "${text}" "${line}" first)
    string(FIND "${text}" "${line}" last REVERSE)
    if(first EQUAL -1 OR NOT first EQUAL last)
      message(FATAL_ERROR "DPF has changed: ${SOURCE} has no longer one `${line}`. See cmake/Patch.cmake.")
    endif()
  endforeach()
  string(FIND "${text}" "${FROM}" from)
  string(FIND "${text}" "${TO}" to)
  if(NOT from LESS to)
    message(FATAL_ERROR "DPF has changed: in ${SOURCE}, `${TO}` comes first. See cmake/Patch.cmake.")
  endif()
  string(SUBSTRING "${text}" 0 ${from} before)
  string(SUBSTRING "${text}" ${to} -1 after)
  set(${TEXT} "${before}${INSTEAD}\n${after}" PARENT_SCOPE)
endfunction()

punchin_patch(DistrhoPluginVST3.cpp
  "fTimePosition.playing = ctx->state & V3_PROCESS_CTX_PLAYING;"
  "fPlugin.setTimePosition(fTimePosition);"
  "set_position(fTimePosition, *ctx);"
  # what hosts are asked to tell
  "| V3_PROCESS_CTX_NEED_CONTINUOUS_TIME  //"
  "| V3_PROCESS_CTX_NEED_PROJECT_TIME     //"
  "| V3_PROCESS_CTX_NEED_BAR_POSITION"
  # mono and stereo
  "       #if DISTRHO_PLUGIN_NUM_INPUTS > 0
        DISTRHO_SAFE_ASSERT_RETURN(numInputs >= 0, V3_INVALID_ARG);"
  "    v3_result getBusArrangement(const int32_t busDirection"
  "        own(fPlugin).set_channels(channels_of(inputs, numInputs, outputs, numOutputs));
        const bool has_inputs = setAudioBusArrangement<true>(inputs, uint32_t(numInputs));
        const bool has_outputs = setAudioBusArrangement<false>(outputs, uint32_t(numOutputs));
        return has_inputs && has_outputs ? V3_OK : V3_INTERNAL_ERR;
    }
"
  "                    numChannels = fPlugin.getAudioPortCountWithGroupId(isInput, port.groupId);"
  "
                    if (port.hints & kAudioPortIsCV)
                    {
                        busType = V3_MAIN;"
  "                    numChannels = own(fPlugin).channels();"
  "        case kPortGroupStereo:
            return V3_SPEAKER_L | V3_SPEAKER_R;"
  "        }

        if (busId < busInfo.groups)
            return portCountToSpeaker("
  "        case kPortGroupStereo:
            return arrangement_of(own(fPlugin).channels());")
punchin_patch(DistrhoPluginCLAP.cpp
  "fTimePosition.playing = (transport->flags & CLAP_TRANSPORT_IS_PLAYING) != 0 &&"
  "        }
        else
        {
            fTimePosition.playing = false;"
  "set_position(fTimePosition, *transport, fPlugin.getSampleRate());"
  # mono and stereo
  "DISTRHO_SAFE_ASSERT_UINT2_RETURN(in == DISTRHO_PLUGIN_NUM_INPUTS,"
  "                                                 in, process->audio_inputs_count, false);"
  "DISTRHO_SAFE_ASSERT_UINT2_RETURN(in == uint32_t(own().channels()),"
  "DISTRHO_SAFE_ASSERT_UINT2_RETURN(out == DISTRHO_PLUGIN_NUM_OUTPUTS,"
  "                                                 out, DISTRHO_PLUGIN_NUM_OUTPUTS, false);"
  "DISTRHO_SAFE_ASSERT_UINT2_RETURN(out == uint32_t(own().channels()),"
  "        info->channel_count = busInfo.numChannels;"
  "        info->in_place_pair ="
  "        info->channel_count = uint32_t(own().channels());
        info->port_type = port_type_of(own().channels());"
  "    template<bool isInput>
    uint32_t getAudioPortCount() const noexcept"
  "    {
        return (isInput ? fAudioInputBuses : fAudioOutputBuses).size();"
  "    PunchinPlugin& own() const noexcept { return DISTRHO_NAMESPACE::own(fPlugin); }

    template<bool isInput>
    uint32_t getAudioPortCount() const noexcept"
  "static CLAP_ABI const void* clap_plugin_get_extension(const clap_plugin_t*, const char* const id)
{"
  "    if (std::strcmp(id, CLAP_EXT_PARAMS) == 0)"
  "static CLAP_ABI const void* clap_plugin_get_extension(const clap_plugin_t*, const char* const id)
{
    static const auto ports_config = audio_ports_config<PluginCLAP>();
    if (std::strcmp(id, kAudioPortsConfig) == 0)
        return &ports_config;"
  # the host's parameter goes where the plug-in's own has gone
  "    bool requestParameterValueChange(uint32_t, float)
    {
        return true;
    }"
  "
    static bool requestParameterValueChangeCallback("
  "    bool requestParameterValueChange(const uint32_t index, const float value)
    {
        return tell_parameter(fOutputEvents, index, value);
    }
")
