#pragma once

#include <google/protobuf/message.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace bam {

/// Reads a protobuf text file into `message`. Throws BadInput naming file, line and column for
/// anything that is not a well-formed message of that type: unknown or repeated fields, overflowing
/// numbers, invalid UTF-8, more than 100 levels.
void read_text_proto(const std::filesystem::path& path, google::protobuf::Message& message);

/// The same from memory; `name` stands for the file in errors.
void parse_text_proto(std::string_view text, const std::string& name,
                      google::protobuf::Message& message);

/// Applies `a.b=c`: the field at the dotted path takes the value, in protobuf text form; quotes around
/// a string may be left out. Entries of a repeated message are chosen as `data.domains[0].share=2`;
/// `optimizer.no_decay=NORM,EMBEDDING` replaces a list. Throws BadInput naming the field,
/// with `prefix` before it where that was taken off what the user wrote.
void set_field(google::protobuf::Message& message, std::string_view assignment,
               std::string_view prefix = "");

/// The message as protobuf text.
std::string text_of(const google::protobuf::Message& message);
/// The same with lists of numbers as `field: [1, 2, 3]`, on one line.
std::string text_with_short_lists(const google::protobuf::Message& message);

}  // namespace bam
